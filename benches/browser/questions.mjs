// Questions about passages, with answers that are right, half right or wrong. Generated: each passage has facts of its own.

const PLACES = ["Arven", "Brill", "Corsa", "Dorne", "Elvik", "Fenwick", "Galt", "Harrow", "Istra", "Jorvik"];
const TRADES = ["salt", "wool", "glass", "timber"];
const RIVERS = ["the Lind", "the Osk", "the Tarn", "the Brent", "the Wey"];
const FOUNDERS = ["fishers", "monks", "miners", "weavers", "shepherds", "boat builders", "exiles"];

/** A town with its facts. No two of twenty share all. */
function town(i) {
  const name = `${PLACES[i % PLACES.length]}${i < PLACES.length ? "" : " on the Hill"}`;
  return {
    name,
    year: 1102 + 37 * i,
    founders: FOUNDERS[i % FOUNDERS.length],
    trade: TRADES[i % TRADES.length],
    river: RIVERS[i % RIVERS.length],
    bridges: 2 + (i % 6),
    people: 4100 + 730 * i,
  };
}

const passage = ({ name, year, founders, trade, river, bridges, people }) =>
  `${name} was founded in ${year} by ${founders} who came down the valley after a hard winter. For three hundred years the town ` +
  `lived from ${trade}, which was carried to the coast on flat boats. It stands on both banks of ${river}, which is crossed by ` +
  `${bridges} bridges; the oldest is of oak and may be used on foot only. When the road was built, the boats went out of use, ` +
  `and many families moved away. Today ${name} has ${people} inhabitants, a market on the first Monday of each month, and a ` +
  `small museum in the house of the last boatman, where visitors can see his tools and his letters.`;

/** Five questions with what the passage says, and what a careless reader may say. */
const QUESTIONS = [
  [
    (t) => `When was ${t.name} founded, and by whom?`,
    (t) => `In ${t.year}, by ${t.founders}.`,
    () => "In 1850, by the railway.",
  ],
  [
    (t) => `What did ${t.name} live from?`,
    (t) => `For three hundred years from ${t.trade}.`,
    () => "From tourism and banking.",
  ],
  [
    (t) => `How many bridges are there in ${t.name}?`,
    (t) => `There are ${t.bridges}, across ${t.river}.`,
    () => "None.",
  ],
  [
    (t) => `Why did people leave ${t.name}?`,
    () => "A road was built, and the boats went out of use.",
    () => "A plague came.",
  ],
  [
    (t) => `What can be seen in ${t.name} today?`,
    () => "A market each month, and a museum.",
    () => "A castle and a zoo.",
  ],
];

/** `count` rows: five questions to each passage. Those of a passage stand together, or are scattered over all rows. */
export function questions(count, scattered) {
  const towns = Math.ceil(count / QUESTIONS.length);
  return Array.from({ length: count }, (_, i) => {
    const about = town(scattered ? i % towns : Math.floor(i / QUESTIONS.length));
    const [ask, right, wrong] = QUESTIONS[scattered ? Math.floor(i / towns) : i % QUESTIONS.length];
    const answers = [right(about), wrong(about), `${right(about)} ${wrong(about)}`];
    return { input: ask(about), context: passage(about), response: answers[i % answers.length] };
  });
}
