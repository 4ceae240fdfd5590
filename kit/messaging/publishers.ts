import { PermanentError } from './delivery';

/** A message that does not come from a publisher of its contract. It is parked with this reason, which holds no user data. */
export class ForgedMessage extends PermanentError {
  override readonly name = 'ForgedMessage';
}
