// Keys, focus, news of the queue, dialogs and drafts. Elements say in data attributes which key they have.

const typing = (element) => element?.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
const shown = (element) => element && element.getClientRects().length > 0 && !element.disabled;
const keysOn = () => localStorage.getItem("keys") !== "off";
const find = (selector, within = document) => [...within.querySelectorAll(selector)].find(shown);

// --- Rows: one of them has the focus, and its keys are those of its parts ---

const rows = () => [...document.querySelectorAll("[data-row]")].filter(shown);
const rowOf = (element) => element?.closest?.("[data-row]");
let lastRow = 0;

function focusRow(index) {
  const all = rows();
  if (!all.length) return;
  const row = all[Math.max(0, Math.min(index, all.length - 1))];
  for (const one of all) one.tabIndex = one === row ? 0 : -1;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

document.addEventListener("focusin", (event) => {
  const row = rowOf(event.target);
  if (row) lastRow = rows().indexOf(row);
});

// --- Keys ---

function act(element) {
  if (typing(element)) {
    element.focus();
    element.select?.();
  } else if (element.matches("[type=radio]")) {
    element.click();
    element.focus();
  } else {
    element.click();
    if (element.matches("summary")) element.parentElement.querySelector("input:not([type=hidden]), select:not(:disabled), textarea")?.focus();
  }
}

let going = 0;

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.matches("textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const at = event.target;
  if (event.key === "Escape" && typing(at) && !at.closest("dialog")) {
    at.blur();
    if (rows().length) focusRow(lastRow);
    return;
  }
  if (typing(at) || document.querySelector("dialog[open]")) return;
  if (!keysOn() && event.key !== "?") return;
  if (Date.now() - going < 1500) {
    going = 0;
    const screen = find(`[data-go="${CSS.escape(event.key)}"]`);
    if (screen) {
      event.preventDefault();
      screen.click();
      return;
    }
  }
  const row = rowOf(at);
  if (row) {
    const part = row.querySelector(`[data-row-key="${CSS.escape(event.key)}"]`);
    if (part && (event.key !== "Enter" || at === row)) {
      event.preventDefault();
      if (shown(part)) part.click();
      return;
    }
  }
  if ((event.key === "j" || event.key === "k") && rows().length) {
    event.preventDefault();
    const here = rows().indexOf(row);
    focusRow(here < 0 ? lastRow : here + (event.key === "j" ? 1 : -1));
    return;
  }
  if (event.key === "g") {
    going = Date.now();
    return;
  }
  // Enter on a link, a button or a folded part is theirs: it never records the verdict beside them.
  if (event.key === "Enter" && at.matches("a, button, summary")) return;
  const element = find(`[data-key="${CSS.escape(event.key)}"]`);
  if (element) {
    event.preventDefault();
    act(element);
  }
});

// --- Help: the keys of this screen, from its elements ---

function help() {
  const list = document.getElementById("key-list");
  list.replaceChildren();
  const add = (key, text) => {
    const term = document.createElement("dt");
    for (const one of key.split(" ")) {
      const cap = document.createElement("kbd");
      cap.textContent = one;
      term.append(cap, " ");
    }
    const meaning = document.createElement("dd");
    meaning.textContent = text;
    list.append(term, meaning);
  };
  const label = (element) => (element.dataset.label ?? element.ariaLabel ?? element.textContent.replace(/\s\S$/, "")).trim();
  if (rows().length) add("j k", "move to the next or previous row");
  for (const part of document.querySelector("[data-row]")?.querySelectorAll("[data-row-key]") ?? []) {
    add(part.dataset.rowKey, { Enter: "open the row", x: "choose the row", c: "claim or release the row" }[part.dataset.rowKey] ?? label(part));
  }
  for (const element of document.querySelectorAll("[data-key]")) {
    if (element.dataset.key !== "?" && shown(element)) add(element.dataset.key, label(element));
  }
  for (const element of document.querySelectorAll("[data-go]")) add(`g ${element.dataset.go}`, label(element));
  document.getElementById("help").showModal();
}

const keys = document.getElementById("keys-on");
const applyKeys = () => {
  keys.checked = keysOn();
  document.body.classList.toggle("keys-off", !keysOn());
};
keys.addEventListener("change", () => {
  localStorage.setItem("keys", keys.checked ? "on" : "off");
  applyKeys();
});
document.querySelector("[data-help]").addEventListener("click", help);
applyKeys();

// --- Swaps: the focus stays where it was, also on the screen ---

let before = null;
document.addEventListener("htmx:before:swap", (event) => {
  const ctx = event.detail?.ctx;
  if (ctx?.sourceElement?.matches?.("[data-clear]") && ctx.response?.status < 400) document.getElementById("messages").replaceChildren();
  const row = rowOf(document.activeElement);
  before = { id: document.activeElement?.id, row: row?.id, top: row?.getBoundingClientRect().top };
});
document.addEventListener("htmx:after:swap", () => {
  // A refused choice is not shown as if it were in force.
  for (const form of document.querySelectorAll("form[data-in-force]")) form.reset();
  document.dispatchEvent(new CustomEvent("console:content"));
  const over = document.getElementById("over");
  if (document.getElementById("dialog").childElementCount && !over.open) over.showModal();
  if (!before) return;
  if (document.activeElement === document.body || !document.activeElement?.isConnected) {
    const same = (before.id && document.getElementById(before.id)) || (before.row && document.getElementById(before.row));
    if (same) same.focus({ preventScroll: true });
    else if (before.row) focusRow(lastRow);
  }
  const row = before.row && document.getElementById(before.row);
  if (row) {
    for (const one of rows()) one.tabIndex = one === row ? 0 : -1;
    window.scrollBy(0, row.getBoundingClientRect().top - before.top);
  }
  before = null;
});
document.body.addEventListener("signed-in", (event) => {
  // The page of one person is not that of another.
  if (event.detail.person !== document.body.dataset.person) return location.reload();
  document.getElementById("dialog").replaceChildren();
  document.getElementById("over").close();
});
document.getElementById("over").addEventListener("close", () => document.getElementById("dialog").replaceChildren());

// --- News: the numbers of the queue change, its rows only when the officer asks ---

const news = document.getElementById("news");
if (news) {
  const latest = () => Number(document.querySelector("[data-latest]")?.dataset.latest ?? 0);
  const source = new EventSource("/events");
  const offline = document.getElementById("offline");
  let failed = 0;
  source.addEventListener("open", () => {
    clearTimeout(failed);
    failed = 0;
    offline.hidden = true;
  });
  source.addEventListener("error", () => {
    failed ||= setTimeout(() => (offline.hidden = false), 5000);
  });
  source.addEventListener("queue", (event) => {
    const state = JSON.parse(event.data);
    if (state.latest > latest()) news.hidden = false;
  });
  addEventListener("pagehide", () => source.close());
  document.querySelector("[data-refresh]").addEventListener("click", (event) => {
    event.preventDefault();
    news.hidden = true;
    htmx.ajax("GET", location.pathname + location.search, { target: "#list", swap: "outerMorph" });
  });
}

// --- Drafts: typed text outlives a page that is left or a session that ends ---

const draftKey = (field) => `draft ${document.body.dataset.person} ${location.pathname} ${field.name}`;
function restoreDrafts() {
  for (const field of document.querySelectorAll("[data-draft]")) {
    const kept = sessionStorage.getItem(draftKey(field));
    if (kept && field.value === field.defaultValue) field.value = kept;
  }
}
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-draft]")) sessionStorage.setItem(draftKey(event.target), event.target.value);
});
document.addEventListener("htmx:after:request", (event) => {
  const ctx = event.detail?.ctx;
  if (!ctx || !(ctx.response?.status < 400)) return;
  const form = ctx.sourceElement;
  for (const field of form?.querySelectorAll?.("[data-draft]") ?? []) sessionStorage.removeItem(draftKey(field));
  if (form?.matches?.("[data-clear]")) {
    form.reset();
    const folded = form.closest("details");
    if (folded) {
      folded.open = false;
      folded.querySelector("summary").focus();
    }
  }
});
document.querySelector("[data-leave]")?.addEventListener("submit", () => sessionStorage.clear());
restoreDrafts();

// --- Filters act at once; a page that waits for the database loads again; a chosen tab prints ---

for (const form of document.querySelectorAll("form.filters:not([hx-get], [hx-post], [method=post])")) {
  for (const field of form.querySelectorAll("select")) {
    field.addEventListener("change", () => form.requestSubmit());
  }
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  });
}
document.addEventListener("click", (event) => {
  const text = event.target.closest?.("[data-copy-text]");
  if (text) navigator.clipboard.writeText(text.dataset.copyText).then(() => (text.textContent = text.dataset.copied));
  const element = event.target.closest?.("[data-copy]");
  if (!element) return;
  const [from, to] = element.dataset.copy.split(" ").map((name) => element.form.elements[name]);
  to.value = from.value;
  to.focus();
  to.setSelectionRange(0, 0);
  to.scrollTop = 0;
});
for (const element of document.querySelectorAll("[data-print]")) element.addEventListener("click", () => print());
const waiting = document.querySelector("[data-reload]");
if (waiting) setTimeout(() => location.reload(), Number(waiting.dataset.reload) * 1000);

// --- Evidence: a reason lights up its fields, and a field its reasons ---

function light(event) {
  const source = event.target.closest?.("[data-fields]");
  for (const one of document.querySelectorAll(".lit")) one.classList.remove("lit");
  if (!source || event.type === "pointerout" || event.type === "focusout") return;
  const names = new Set(source.dataset.fields.split(" "));
  const ofKind = source.matches("[data-reason]") ? "[data-fields]:not([data-reason])" : "[data-reason][data-fields]";
  for (const one of document.querySelectorAll(ofKind)) {
    if (one.dataset.fields.split(" ").some((name) => names.has(name))) one.classList.add("lit");
  }
}
for (const type of ["pointerover", "pointerout", "focusin", "focusout"]) document.addEventListener(type, light);

// A screen with rows begins at its first row, unless a field asks for the focus.
if (document.activeElement === document.body && document.querySelector("[data-rows]")) focusRow(0);
document.body.dataset.ready = "";
