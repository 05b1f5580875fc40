// How the gallery's search ranks its results: Sphinx's own figures, but the pages of tasks and symptoms come first.
var Scorer = {
  score: ([page, , , , score]) => score + (/^(tasks\/|what-went-wrong)/.test(page) ? 50 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
