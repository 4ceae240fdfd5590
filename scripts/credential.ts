import { registrationCredential } from '#kit/registry/credential';
import { isReservedName, isRookeryName } from '../registry/access/names';

/** Prints the registration credential of one service name: `make credential s=hello`. */
const [name = ''] = process.argv.slice(2);
const token = process.env.REGISTRY_TOKEN ?? '';

if (!/^[a-z][a-z0-9-]{0,62}$/.test(name) || isReservedName(name)) {
  console.error(
    'Name a service: make credential s=hello. Lower-case letters, digits and `-`, and no reserved name.',
  );
  process.exit(64);
}
if (isRookeryName(name)) {
  console.error(
    'This name is reserved to Rookery: deploy/production-env.sh prints the credentials of its own processes.',
  );
  process.exit(64);
}
if (token === '') {
  console.error('REGISTRY_TOKEN is not set: registration is open, and needs no credential.');
  process.exit(78);
}
console.log(registrationCredential(token, name));
