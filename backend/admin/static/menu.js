// The menu is open where there is room for it, and a disclosure on a phone.

const menu = document.querySelector("[data-menu]");
const wide = matchMedia("(min-width: 900px)");
const adapt = () => menu?.toggleAttribute("open", wide.matches);
wide.addEventListener("change", adapt);
adapt();
