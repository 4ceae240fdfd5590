import { existsSync, globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import type { BunPlugin } from 'bun';

const ROOT = join(import.meta.dir, '..', '..');
/** Where an executable of Bun has its modules and files; ours are laid out as in the project. */
export const EXECUTABLE_ROOT = '/$bunfs/root/';

/** Files that are read at run time, through a path that begins with the folder of the module that reads them. */
export const embeddedFiles = (): string[] =>
  globSync('services/*/migrations/{*.sql,meta/_journal.json}', { cwd: ROOT }).sort();

/**
 * Modules of an executable share one folder. This keeps the meaning of `import.meta.dir` in the project's own modules:
 * the folder of the module within the project, where embedded files are.
 */
export const projectLayout: BunPlugin = {
  name: 'project-layout',
  setup(build) {
    build.onLoad({ filter: /\.tsx?$/ }, async ({ path }) => {
      // The entry point is not a file.
      if (path.includes('/node_modules/') || !existsSync(path)) return undefined;
      const text = await Bun.file(path).text();
      if (!text.includes('import.meta.dir')) return undefined;
      const folder = JSON.stringify(`${EXECUTABLE_ROOT}${relative(ROOT, dirname(path))}`);
      return {
        contents: text.replace(/\bimport\.meta\.dir\b/g, folder),
        loader: path.endsWith('x') ? 'tsx' : 'ts',
      };
    });
  },
};

/** `@grpc/reflection` reads its `.proto` files from its package. */
export const embedReflectionProtos: BunPlugin = {
  name: 'embed-reflection-protos',
  setup(build) {
    build.onLoad(
      { filter: /@grpc\/reflection\/build\/src\/implementations\/reflection-v1(alpha)?\.js$/ },
      async ({ path }) => {
        const text = await Bun.file(path).text();
        const contents = text.replace(/path\.join\(__dirname, ('[^']+\.proto')\)/, 'require($1)');
        if (contents === text) throw new Error(`${path} no longer reads its .proto file as expected`);
        return { contents, loader: 'js' };
      },
    );
  },
};

/**
 * sharp's module that looks for its addon on the disk is replaced by one that loads the embedded addon. The addon is
 * linked to libvips by a path relative to its own; the dynamic linker takes a library of that name which is loaded
 * already. Bun unpacks both to `BUN_TMPDIR`, `TMPDIR` or `/tmp` once, by the hash of their content.
 */
export const embedSharp: BunPlugin = {
  name: 'embed-sharp',
  setup(build) {
    build.onLoad({ filter: /\/sharp\/dist\/sharp\.mjs$/ }, ({ path }) => {
      const { addon, library } = sharpFilesOf(path);
      return {
        contents: [
          "import { dlopen } from 'bun:ffi';",
          `import library from ${JSON.stringify(library)} with { type: 'file' };`,
          "dlopen(library, { vips_version: { args: ['int'], returns: 'int' } });",
          `export default require(${JSON.stringify(addon)});`,
        ].join('\n'),
        loader: 'js',
      };
    });
  },
};

/** The files for this machine: Linux with glibc. */
function sharpFilesOf(module: string): { addon: string; library: string } {
  const { resolve } = createRequire(module);
  const platform = `${process.platform}-${process.arch}`;
  const only = (folder: string, pattern: string) => {
    const [file, ...others] = globSync(pattern, { cwd: folder });
    if (file === undefined || others.length > 0) throw new Error(`${folder} has not exactly one ${pattern}`);
    return join(folder, file);
  };
  return {
    addon: only(dirname(resolve(`@img/sharp-${platform}/package`)), 'lib/*.node'),
    library: only(dirname(resolve(`@img/sharp-libvips-${platform}/package`)), 'lib/libvips-cpp.so.*'),
  };
}
