// The menu is open where there is room for it, and a disclosure on a phone.

import { onPage } from "./page.js";

const wide = matchMedia("(min-width: 900px)");
const adapt = () => document.querySelector("[data-menu]")?.toggleAttribute("open", wide.matches);
wide.addEventListener("change", adapt);
onPage(adapt);
