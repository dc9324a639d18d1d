// Warns of campaigns that overlap while the dates are typed. The server has the last word: "Check the dates", and saving.

import { onPage } from "./page.js";

let form;
let warning;

const look = () => {
  const from = form.elements.starts_at.value;
  const to = form.elements.ends_at.value || "9999";
  const others = [...document.querySelectorAll("[data-taken] li")].filter(
    ({ dataset }) => from && from < (dataset.to || "9999") && dataset.from < to,
  );
  warning.hidden = !others.length;
  warning.textContent = others.length ? `Overlaps with ${others.map(({ dataset }) => `“${dataset.name}”`).join(", ")}.` : "";
};

onPage(() => {
  form = document.querySelector("form:has([name=starts_at])");
  warning = document.getElementById("overlap-now");
  if (!form || !warning) return;
  form.addEventListener("input", look);
  look();
});
