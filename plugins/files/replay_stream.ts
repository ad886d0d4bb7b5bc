/** A stream that can be opened again, as long as what was read of it fits in memory. @module */
import { GymError } from "../../core/errors.ts";

const KEPT_BYTES = 4 * 1024 * 1024;

/**
 * Makes a stream re-openable. What was read is kept up to 4 MiB, which is enough to look at the start of a log and then
 * read it all; past that, the one reader that went further owns the rest.
 *
 * @param name For messages.
 * @returns Opens the stream from its start. Reading it throws `FILE_ACCESS` when its start is no longer kept.
 */
export function replayStream(
  name: string,
  source: () => ReadableStream<Uint8Array<ArrayBuffer>>,
): () => ReadableStream<Uint8Array<ArrayBuffer>> {
  const kept: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  let owner: symbol | undefined;

  return () => {
    const self = Symbol();
    let next = 0;
    return new ReadableStream({
      async pull(controller): Promise<void> {
        if (owner !== undefined && owner !== self) {
          throw new GymError(
            "FILE_ACCESS",
            `Cannot read "${name}": it was already read and cannot be read twice`,
            {
              path: name,
            },
          );
        }
        if (next < kept.length) return controller.enqueue(kept[next++]!);
        reader ??= source().getReader();
        const { value, done } = await reader.read();
        if (done) return controller.close();
        bytes += value.length;
        if (bytes <= KEPT_BYTES) next = kept.push(value);
        else owner = self;
        controller.enqueue(value);
      },
    }, { highWaterMark: 0 });
  };
}
