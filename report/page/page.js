"use strict";
/* Sorts and filters the experiments, opens the one that the address names, and takes in a page that has changed. */
const all = (query, within = document) => [...within.querySelectorAll(query)];

function open(id) {
  const found = id && document.getElementById(id);
  for (let at = found; at; at = at.parentElement) if (at.localName === "details") at.open = true;
  if (found && found.localName === "details") {
    found.hidden = false;
    found.querySelector("summary").focus({ preventScroll: true });
    found.scrollIntoView();
  }
}

const orders = {
  order: (row) => Number(row.dataset.iteration),
  best: (row) => (row.dataset.utility === "" ? Infinity : -Number(row.dataset.utility)),
};
const shown = {
  all: () => true,
  improved: (row) => row.classList.contains("improved"),
  failed: (row) => row.classList.contains("failed") || row.classList.contains("refused"),
};
const chosen = { sort: "order", show: "all" };

function arrange() {
  for (const list of all(".experiments")) {
    const rows = all(":scope > .experiment", list);
    const key = orders[chosen.sort];
    rows.sort((a, b) => key(a) - key(b)).forEach((row) => list.append(row));
    rows.forEach((row) => (row.hidden = !shown[chosen.show](row)));
  }
  for (const kind of ["sort", "show"])
    all(`button[data-${kind}]`).forEach((b) => b.setAttribute("aria-pressed", b.dataset[kind] === chosen[kind]));
}

function begin() {
  all(".tools").forEach((tools) => (tools.hidden = false));
  if (chosen.sort !== "order" || chosen.show !== "all") arrange();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const link = event.target.closest("a[href^='#']");
  if (button) {
    for (const kind of ["sort", "show"]) if (button.dataset[kind]) chosen[kind] = button.dataset[kind];
    if (button.dataset.open) all(".experiment").forEach((row) => (row.open = button.dataset.open === "yes"));
    else arrange();
  } else if (link) {
    open(link.getAttribute("href").slice(1));
  }
});
addEventListener("hashchange", () => open(decodeURIComponent(location.hash.slice(1))));
addEventListener("beforeprint", () => all(".experiment.best").forEach((row) => (row.open = true)));

async function refresh() {
  const answer = await fetch("/", { cache: "no-store" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const opened = all("details[open][id]").map((each) => each.id);
  const focus = document.activeElement && document.activeElement.closest("details[id]");
  const place = [scrollX, scrollY];
  document.querySelector("main").replaceWith(document.adoptNode(fresh.querySelector("main")));
  opened.forEach((id) => { const each = document.getElementById(id); if (each) each.open = true; });
  begin();
  if (focus && document.getElementById(focus.id)) document.getElementById(focus.id).querySelector("summary").focus({ preventScroll: true });
  scrollTo(...place);
}

function watch() {
  const say = (words) => all(".live").forEach((each) => (each.textContent = words));
  const take = () => refresh().then(() => say("live"), () => say("cannot be read now"));
  const source = new EventSource("/events");
  source.addEventListener("open", take); // what changed before it was open
  source.addEventListener("changed", take);
  source.addEventListener("error", () => say("not connected"));
}

begin();
if (location.hash) open(decodeURIComponent(location.hash.slice(1)));
if (document.documentElement.dataset.live) watch();
