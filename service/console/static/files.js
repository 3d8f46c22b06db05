// The form for files: shows how the columns of a chosen or dropped file are read before it is sent.

const upload = document.getElementById("upload");
const input = upload?.querySelector("[data-head]");
const mapping = document.getElementById("mapping");
const HEAD = 256 * 1024;

async function look() {
  const file = input.files[0];
  const area = document.getElementById("columns");
  area.replaceChildren();
  if (!file || /\.(gz|parquet|pq)$/i.test(file.name)) return;
  const body = new FormData();
  body.append("head", file.slice(0, HEAD), file.name);
  body.append("mapping", mapping.value);
  const headers = { ...JSON.parse(document.body.getAttribute("hx-headers:inherited")), "HX-Request": "true" };
  const answer = await fetch("/files/columns", { method: "POST", body, headers });
  const messages = document.getElementById("messages");
  messages.replaceChildren();
  (answer.ok ? area : messages).innerHTML = await answer.text();
  htmx.process(area);
}

function choose() {
  // Columns that were chosen by eye are those of the file before.
  if (mapping.dataset.byEye) mapping.value = mapping.dataset.byEye = "";
  look();
}

if (input) {
  input.addEventListener("change", choose);
  upload.addEventListener("dragover", (event) => event.preventDefault());
  upload.addEventListener("drop", (event) => {
    event.preventDefault();
    input.files = event.dataTransfer.files;
    choose();
  });
  mapping.addEventListener("change", look);
  document.querySelector("[data-saved]").addEventListener("change", async (event) => {
    mapping.value = (await event.target.files[0]?.text()) ?? "";
    mapping.dataset.byEye = "";
    look();
  });
  document.addEventListener("htmx:after:swap", () => {
    const link = document.querySelector("[data-download]");
    if (!link) return;
    mapping.value = link.dataset.download;
    mapping.dataset.byEye = "yes";
    link.href = URL.createObjectURL(new Blob([mapping.value], { type: "application/toml" }));
    link.download = "mapping.toml";
  });
}
