/** Templates of titles and descriptions by genre. Placeholders such as `{place}` are filled from `WORDS`. */
export const GENRES: Readonly<Record<string, { patterns: readonly string[]; about: readonly string[] }>> = {
  documentary: {
    patterns: [
      '{place}: The Untold Story',
      'Inside the {institution}',
      'How {craft} Changed {place}',
      'The Last {worker} of {place}',
    ],
    about: [
      '{worker}s, archivists and eyewitnesses remember what {place} would rather forget.',
      'A year with the people who keep {craft} alive.',
    ],
  },
  drama: {
    patterns: [
      'The {worker}’s Daughter',
      'A {season} in {place}',
      'What the {thing} Knew',
      'Letters to {place}',
    ],
    about: [
      'After ten years away, a {worker} comes home to {place} and to an old promise.',
      'Two sisters, one inheritance, and a long {season}.',
    ],
  },
  thriller: {
    patterns: [
      'The {place} Protocol',
      'Nobody Leaves {place}',
      'The {adjective} {thing}',
      'Eleven Minutes to {place}',
    ],
    about: [
      'A {worker} finds a {thing} that should not exist, and somebody notices.',
      'One night, one train to {place}, and a passenger too many.',
    ],
  },
  comedy: {
    patterns: [
      '{worker}s Without a Plan',
      'My Neighbour the {worker}',
      'The {adjective} Weekend',
      'Wedding in {place}',
    ],
    about: [
      'Nobody in {place} has ever run a hotel. That does not stop them.',
      'A {worker} bets the family {thing} on a single evening.',
    ],
  },
  'science-fiction': {
    patterns: ['{adjective} Orbit', 'The {thing} Beyond Saturn', 'Colony: {place}', '{season} on Europa'],
    about: [
      'The crew of a freighter hears a voice that knows their names.',
      'Three generations after landing, the {institution} stops answering.',
    ],
  },
  nature: {
    patterns: [
      'Wild {place}',
      'The Secret Life of {animal}s',
      '{season} of the {animal}',
      'Rivers of {place}',
    ],
    about: [
      'Filmed over four years, from the first thaw to the last {animal} heading south.',
      'Patience, long lenses, and one very curious {animal}.',
    ],
  },
  music: {
    patterns: [
      'Live at the {institution}, {place}',
      '{adjective} Strings',
      'The {place} Sessions',
      'Songs for a {season}',
    ],
    about: [
      'An evening recorded in one take, with the audience of {place}.',
      'Eight musicians, one room, no overdubs.',
    ],
  },
  cooking: {
    patterns: ['A Kitchen in {place}', '{season} Bread', 'The {adjective} Table', 'Cooking With a {worker}'],
    about: [
      'Four recipes from {place} that need no more than one pan.',
      'What grows in {season}, and what to do with it.',
    ],
  },
};

export const WORDS: Readonly<Record<string, readonly string[]>> = {
  place: [
    'Lisbon',
    'Tromsø',
    'Valparaíso',
    'Kraków',
    'Osaka',
    'Galway',
    'Tbilisi',
    'Oaxaca',
    'Ljubljana',
    'Mombasa',
    'Halifax',
    'Bergen',
    'Palermo',
    'Hobart',
    'Ghent',
    'Salvador',
    'Porto',
    'Tallinn',
    'Marrakesh',
    'Aberdeen',
  ],
  institution: [
    'Observatory',
    'Harbour Hall',
    'Old Library',
    'Botanical Garden',
    'Night Court',
    'Opera House',
    'Glassworks',
    'Signal Station',
  ],
  craft: [
    'Clockmaking',
    'Shipbuilding',
    'Printing',
    'Weaving',
    'Cartography',
    'Beekeeping',
    'Glassblowing',
    'Salt Trading',
  ],
  worker: [
    'Lighthouse Keeper',
    'Cartographer',
    'Clockmaker',
    'Translator',
    'Violinist',
    'Ferryman',
    'Botanist',
    'Archivist',
    'Locksmith',
    'Beekeeper',
  ],
  season: ['Winter', 'Spring', 'Summer', 'Autumn', 'Midsummer', 'Harvest'],
  thing: [
    'Compass',
    'Ledger',
    'Mirror',
    'Lantern',
    'Photograph',
    'Telegraph',
    'Staircase',
    'Atlas',
    'Music Box',
    'Key',
  ],
  adjective: [
    'Silent',
    'Crooked',
    'Borrowed',
    'Distant',
    'Golden',
    'Hollow',
    'Restless',
    'Paper',
    'Blue',
    'Uncertain',
  ],
  animal: ['Fox', 'Heron', 'Otter', 'Lynx', 'Puffin', 'Rook', 'Badger', 'Owl', 'Seal', 'Marten'],
};

export const CHANNELS = [
  'Northlight Films',
  'Second Reel',
  'Open Harbour',
  'Paper Lantern Pictures',
  'Field & Fen',
  'Meridian Stories',
  'Quiet Hour',
  'The Long Table',
];
