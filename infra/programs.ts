/**
 * The path of a program from the system's packages. `sbin`, which holds server programs, is searched too: it is not in
 * every user's PATH.
 *
 * @throws with what to install when the program is missing
 */
export function systemProgram(name: string, debianPackage: string): string {
  const path = Bun.which(name, { PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` });
  if (path === null)
    throw new Error(
      `${name} is missing: run \`sh infra/install.sh\`, or install the package ${debianPackage}`,
    );
  return path;
}
