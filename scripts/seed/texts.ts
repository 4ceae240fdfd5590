export const FIRST_NAMES = [
  ...['Ada', 'Amara', 'Anton', 'Aya', 'Bela', 'Bruno', 'Carla', 'Chidi', 'Clara', 'Dario', 'Dina', 'Edgar'],
  ...['Elif', 'Emil', 'Esther', 'Farid', 'Femi', 'Finn', 'Greta', 'Hana', 'Hugo', 'Ida', 'Ines', 'Ivan'],
  ...['Jana', 'Jonas', 'Kamala', 'Kenji', 'Klara', 'Lars', 'Leila', 'Lena', 'Liam', 'Luz', 'Malik', 'Mara'],
  ...['Mateo', 'Mei', 'Mila', 'Nadia', 'Nils', 'Noor', 'Olga', 'Omar', 'Paula', 'Priya', 'Rafael', 'Rosa'],
  ...['Ruth', 'Samir', 'Sofia', 'Sven', 'Tara', 'Theo', 'Uma', 'Vera', 'Victor', 'Wanda', 'Yara', 'Zoe'],
];

export const LAST_NAMES = [
  ...['Abara', 'Adler', 'Almeida', 'Andersen', 'Baker', 'Becker', 'Benali', 'Berg', 'Bianchi', 'Brandt'],
  ...['Castro', 'Chen', 'Costa', 'Diaz', 'Eriksen', 'Fischer', 'Fontaine', 'Garcia', 'Haddad', 'Hansen'],
  ...['Ito', 'Jansen', 'Kaya', 'Keller', 'Khan', 'Kim', 'Kowalski', 'Larsen', 'Laurent', 'Lindqvist'],
  ...['Marin', 'Meyer', 'Moreau', 'Mwangi', 'Nakamura', 'Novak', 'Okafor', 'Oliveira', 'Olsen', 'Patel'],
  ...['Petrov', 'Popescu', 'Rao', 'Ricci', 'Rossi', 'Santos', 'Sato', 'Schmidt', 'Silva', 'Singh'],
  ...['Sousa', 'Tanaka', 'Vasquez', 'Vogel', 'Walker', 'Weber', 'Wood', 'Yilmaz', 'Zhang', 'Ziegler'],
];

export interface Topic {
  readonly tag: string;
  readonly sentences: readonly string[];
  readonly poll: { readonly question: string; readonly options: readonly string[] };
}

/** What people are interested in: they follow, write, reply and ask within it more than elsewhere. */
export const TOPICS: readonly Topic[] = [
  {
    tag: 'birds',
    sentences: [
      'Two rooks on the roof opposite, arguing about a walnut.',
      'Counted forty-one rooks at the rookery this morning. Last year there were thirty.',
      'First swallows of the year over the canal.',
      'A kingfisher! Blue, gone, and nobody else saw it.',
      'The feeder has been empty for an hour and the tits look at me as if I owed them money.',
      'Heard an owl at four. Have been awake since.',
      'Somebody taught the starling next door a ringtone.',
    ],
    poll: { question: 'Which is the cleverest?', options: ['Rook', 'Jackdaw', 'Raven', 'Magpie'] },
  },
  {
    tag: 'cycling',
    sentences: [
      'Headwind there, headwind back. How?',
      'New chain, new cassette, new person.',
      'Eighty kilometres before breakfast, then asleep on the sofa by two.',
      'The new bike lane on the bridge is open and it is wonderful.',
      'Third puncture this month. I am beginning to take it personally.',
      'Rode home in the rain and would do it again.',
    ],
    poll: { question: 'What do you ride to work?', options: ['A road bike', 'A folding bike', 'The train'] },
  },
  {
    tag: 'baking',
    sentences: [
      'The sourdough rose while I was not looking. The best ones always do.',
      'Rye, caraway, a little honey. That is all it takes.',
      'I dropped the tart. It is now a crumble.',
      'Does anybody have a use for eleven egg whites?',
      'Cinnamon buns are out of the oven and the neighbours have started knocking.',
      'Weighing flour instead of measuring it changed everything.',
    ],
    poll: { question: 'The best part of the loaf?', options: ['The crust', 'The crumb', 'The smell'] },
  },
  {
    tag: 'gardening',
    sentences: [
      'The tomatoes have decided that the balcony is theirs.',
      'Slugs 14, lettuce 0.',
      'Planted the bulbs far too late, as every year, and they came up anyway.',
      'If anybody needs courgettes, my door is open. Please.',
      'The pear tree is in flower and full of bees.',
      'Compost is only patience with worms.',
    ],
    poll: { question: 'Sow first in spring?', options: ['Peas', 'Radishes', 'Spinach', 'Broad beans'] },
  },
  {
    tag: 'code',
    sentences: [
      'Deleted four hundred lines today and everything still works. Best day this month.',
      'It was a time zone. It is always a time zone.',
      'Named a function so well that I did not need the comment any more.',
      'The bug only happened on Tuesdays. I know why now, and I wish I did not.',
      'Wrote the test first for once. It found the mistake I was about to make.',
      'Reading a colleague’s old code and learning something on every page.',
      'The cache was right. I was wrong. We have both moved on.',
    ],
    poll: { question: 'Indent with', options: ['Tabs', 'Two spaces', 'Four spaces'] },
  },
  {
    tag: 'music',
    sentences: [
      'Practised the same eight bars for an hour. They are now six bars.',
      'The support act was better than the band, and the band knew it.',
      'Found my father’s records. The needle still works.',
      'A cello on the platform at seven in the morning: thank you, whoever you were.',
      'Choir again after the summer. We have forgotten everything and it was lovely.',
      'One more song, then I really go to bed.',
    ],
    poll: { question: 'Listening to music on', options: ['Records', 'Headphones', 'The radio'] },
  },
  {
    tag: 'hiking',
    sentences: [
      'Above the clouds by nine, wet socks by ten.',
      'The hut had soup. Nothing else matters.',
      'We took the short cut. It took four hours.',
      'Chamois on the ridge, quite unimpressed by us.',
      'Map, compass, and a friend who can read both.',
      'Snow on the pass already. Turned round, had cake instead.',
    ],
    poll: { question: 'Best time for a summit?', options: ['Sunrise', 'Noon', 'Sunset'] },
  },
  {
    tag: 'books',
    sentences: [
      'Finished it at two in the morning and started it again at eight.',
      'The library has a shelf of books nobody ever borrowed. Took three.',
      'I read the translation and now I want to learn the language.',
      'Bought a book about buying fewer books.',
      'Page 340 and the butler is above suspicion, so it is the butler.',
      'Somebody left notes in the margin in 1962, and they were right.',
    ],
    poll: {
      question: 'A book you do not like?',
      options: ['I finish it', 'I stop at page 50', 'I skim the end'],
    },
  },
];

export const REPLIES = [
  'This made my morning.',
  'Same here, every single time.',
  'How did you do that?',
  'I would not have believed it without having seen it.',
  'You should write that down for the rest of us.',
  'Tell me more!',
  'We had exactly that last week.',
  'I disagree, but I like how you put it.',
  'Is there a picture?',
  'Next time, take me along.',
];

export const MENTIONS = [
  'you would have liked this.',
  'do you remember?',
  'this one is for you.',
  'you were right all along.',
];
