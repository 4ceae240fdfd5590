/**
 * The path of a program that comes from the system's packages. `sbin` is searched too: it is not in every
 * user's PATH, and server programs live there.
 *
 * @throws with what to install when it is missing
 */
export function systemProgram(name: string, debianPackage: string): string {
  const path = Bun.which(name, { PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` });
  if (path === null)
    throw new Error(
      `${name} is missing: run \`sh infra/install.sh\`, or install the package ${debianPackage}`,
    );
  return path;
}
