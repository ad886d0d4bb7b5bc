import { type Contribution, noOptions, type Rubric, rubric, type Scorer } from "@knowlyr/gym";

/** A step is decisive when it routes a ticket or reads one for the first time. */
function start(): Scorer {
  const read = new Map<string, number>();
  return {
    step({ index, action }) {
      if (action.tool !== "read_ticket") {
        return { value: 1, reason: `${action.tool} moves the queue on`, refersTo: null };
      }
      const id = String(action.params["id"]);
      const earlier = read.get(id);
      if (earlier === undefined) {
        read.set(id, index);
        return { value: 1, reason: `ticket ${id} is read for the first time`, refersTo: null };
      }
      return { value: 0, reason: `ticket ${id} was read at step ${earlier} already`, refersTo: earlier };
    },
  };
}

/** Whether each step moves the queue on. */
export const decisive: Contribution<Rubric, Record<string, never>> = rubric("acme/decisive-v1", {
  description: "Whether each step moves the queue on",
  options: noOptions,
  create: () => ({
    id: "acme/decisive-v1",
    name: "decisive",
    description: "Whether each step moves the queue on",
    source: "rule",
    start,
  }),
});
