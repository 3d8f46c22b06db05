// The form for files: shows how the columns of a chosen or dropped file are read before it is sent.

const upload = document.getElementById("upload");
const input = upload?.querySelector("[data-head]");
const HEAD = 256 * 1024;

async function look() {
  const file = input.files[0];
  const area = document.getElementById("columns");
  area.replaceChildren();
  if (!file || /\.(gz|parquet|pq)$/i.test(file.name)) return;
  const body = new FormData();
  body.append("head", file.slice(0, HEAD), file.name);
  const headers = { ...JSON.parse(document.body.getAttribute("hx-headers:inherited")), "HX-Request": "true" };
  const answer = await fetch("/files/columns", { method: "POST", body, headers });
  (answer.ok ? area : document.getElementById("messages")).innerHTML = await answer.text();
  htmx.process(area);
}

if (input) {
  input.addEventListener("change", look);
  upload.addEventListener("dragover", (event) => event.preventDefault());
  upload.addEventListener("drop", (event) => {
    event.preventDefault();
    input.files = event.dataTransfer.files;
    look();
  });
  document.addEventListener("htmx:after:swap", () => {
    const made = document.querySelector("[data-mapping]");
    if (made) document.getElementById("mapping").value = made.value;
    const link = document.querySelector("[data-download]");
    if (link) {
      link.href = URL.createObjectURL(new Blob([link.dataset.download], { type: "application/toml" }));
      link.download = "mapping.toml";
    }
  });
}
