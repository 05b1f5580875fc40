// How the gallery's search ranks its results: Sphinx's own figures, but the pages of tasks and symptoms come first.
// An entry of the index leads to its section and has that section's title, where Sphinx shows the page's alone.
const sectionOf = (id) =>
  Object.entries(Search._index.alltitles).find(([, places]) => places.some(([, place]) => place === id));

var Scorer = {
  score: (result) => {
    const [page, title, anchor, , score] = result;
    const id = anchor.startsWith("#about-") ? anchor.slice("#about-".length) : "";
    if (id && sectionOf(id)) [result[1], result[2]] = [`${title} > ${sectionOf(id)[0]}`, `#${id}`];
    return score + (/^(tasks\/|what-went-wrong)/.test(page) ? 50 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
