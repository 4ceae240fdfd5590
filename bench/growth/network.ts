import type { Network } from '../support/network';
import { createRandom } from '../support/random';

/** The measured people: the same follows and followers in a network of any size. */
export interface GrowingNetwork extends Network {
  readonly measured: readonly number[];
}

const MEASURED = 50;
/** Whom each measured person follows, and is followed by. */
const FOLLOWS_OF_MEASURED = 30;
/** The exponent of social networks is between 2 and 3 (Barabási, Albert, 1999). */
const EXPONENT = 2.3;

/**
 * People whose numbers of followers follow a power law, among them measured people, who follow each other as in a ring: the
 * same ones, whatever the number of people.
 *
 * @param followsEach average number of people whom a person follows
 */
export function growingNetwork({
  people,
  followsEach,
}: {
  people: number;
  followsEach: number;
}): GrowingNetwork {
  const measured = Array.from({ length: MEASURED }, (_, person) => person);
  return {
    name: `${people} people who follow ${followsEach} each`,
    usernames: Array.from({ length: people }, (_, person) => `person_${person}`),
    measured,
    *followees(person) {
      if (person < MEASURED) {
        for (let step = 1; step <= FOLLOWS_OF_MEASURED; step++) yield (person + step) % MEASURED;
        return;
      }
      // The same whenever it is asked.
      const random = createRandom(person);
      const chosen = new Set<number>();
      for (let draw = 0; draw < followsEach; draw++) {
        const rank = Math.floor((people - MEASURED) * random() ** EXPONENT);
        const followee = MEASURED + rank;
        if (followee !== person) chosen.add(followee);
      }
      yield* chosen;
    },
  };
}
