/**
 * A static JSR registry on loopback: three kinds of GET. Packages are published from folders of this checkout; bare
 * specifiers are rewritten through the package's import map, as the real registry does when it takes a package.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";

/** A folder with a deno.json that is a package. */
interface PackageConfig {
  readonly name: string;
  readonly version: string;
  readonly exports: string | Record<string, string>;
  readonly imports?: Record<string, string>;
}

/** A running registry. */
export interface Registry extends AsyncDisposable {
  /** Value for `JSR_URL`. */
  readonly url: string;
}

/** What to publish: a folder and which of its files and folders. */
export interface Published {
  readonly folder: string;
  /** Names inside the folder; left out, everything. */
  readonly include?: readonly string[];
}

/** Serves packages on a free loopback port until disposed. */
export async function serveRegistry(packages: readonly Published[]): Promise<Registry> {
  const pages = new Map<string, string>();
  for (const one of packages) await publish(one, pages);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const body = pages.get(new URL(request.url).pathname);
    return body === undefined ? new Response("not found", { status: 404 }) : new Response(body);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function publish({ folder, include }: Published, pages: Map<string, string>): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(join(folder, "deno.json"))) as PackageConfig;
  const base = `/${config.name}`;
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for await (const path of files(folder, include)) {
    const text = rewrite(await Deno.readTextFile(join(folder, path)), path, config);
    const bytes = new TextEncoder().encode(text);
    manifest[`/${path}`] = {
      size: bytes.length,
      checksum: `sha256-${createHash("sha256").update(bytes).digest("hex")}`,
    };
    pages.set(`${base}/${config.version}/${path}`, text);
  }
  const [scope, name] = config.name.slice(1).split("/");
  pages.set(
    `${base}/meta.json`,
    JSON.stringify({ scope, name, latest: config.version, versions: { [config.version]: {} } }),
  );
  const exports = typeof config.exports === "string" ? { ".": config.exports } : config.exports;
  pages.set(`${base}/${config.version}_meta.json`, JSON.stringify({ manifest, exports }));
}

async function* files(folder: string, include?: readonly string[], below = ""): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(join(folder, below))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (below === "" && include !== undefined && !include.includes(entry.name)) continue;
    if (entry.isDirectory) yield* files(folder, undefined, path);
    else if (/\.(ts|json)$/.test(path) && !path.endsWith("_test.ts")) yield path;
  }
}

function rewrite(text: string, path: string, { imports = {} }: PackageConfig): string {
  if (!path.endsWith(".ts")) return text;
  return text.replace(
    /(\bfrom\s+|\bimport\s*\(?\s*)"([^".][^"]*)"/g,
    (whole, before: string, specifier: string) => {
      const target = imports[specifier] ?? prefixed(specifier, imports);
      return target === undefined ? whole : `${before}"${target}"`;
    },
  );
}

function prefixed(specifier: string, imports: Record<string, string>): string | undefined {
  const key = Object.keys(imports).find((name) => name.endsWith("/") && specifier.startsWith(name));
  return key === undefined ? undefined : `${imports[key]}${specifier.slice(key.length)}`;
}
