import assert from "node:assert/strict";
import { splitCommand } from "./_swe_command.ts";

const cases: readonly (readonly [string, string, Record<string, unknown>])[] = [
  ["open a.py 12", "open", { path: "a.py", line_number: 12 }],
  ['open "a b.py"', "open", { path: "a b.py" }],
  ["goto 7\n", "goto", { line_number: 7 }],
  ["scroll_down", "scroll_down", {}],
  ["create x.py", "create", { filename: "x.py" }],
  ["search_dir 'def f(' src", "search_dir", { search_term: "def f(", dir: "src" }],
  ["search_file foo", "search_file", { search_term: "foo" }],
  ["find_file a.py", "find_file", { file_name: "a.py" }],
  ["edit 1:2\nx\n\ny\nend_of_edit", "edit", { replacement_text: "x\n\ny", start_line: 1, end_line: 2 }],
  ["edit 1:2\nend_of_edit\n", "edit", { replacement_text: "", start_line: 1, end_line: 2 }],
  ['edit \'a\nb\' "c\\"d"', "edit", { search: "a\nb", replace: 'c"d' }],
  ["str_replace_editor view /a --view_range 1 9", "str_replace_editor", {
    command: "view",
    path: "/a",
    view_range: [1, 9],
  }],
  ["str_replace_editor str_replace /a --old_str 'x y' --new_str ''", "str_replace_editor", {
    command: "str_replace",
    path: "/a",
    old_str: "x y",
    new_str: "",
  }],
  ["submit", "submit", {}],
  ["open a.py && ls", "bash", { command: "open a.py && ls" }],
  ["find_file a\nls", "bash", { command: "find_file a\nls" }],
  ["open $(ls)", "bash", { command: "open $(ls)" }],
  ["str_replace_editor view /a --view_range 1", "bash", {
    command: "str_replace_editor view /a --view_range 1",
  }],
  ["edit 'unfinished", "bash", { command: "edit 'unfinished" }],
  ["pytest -q\n", "bash", { command: "pytest -q" }],
  ["constructor x", "bash", { command: "constructor x" }],
];
for (const [text, tool, params] of cases) {
  Deno.test(`splitCommand() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(splitCommand(text), { tool, params });
  });
}
