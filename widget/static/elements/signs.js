/** Drawings that tabs need and an opening does not; icon() knows them once this is loaded. */
import { LINES } from "./parts.js";

Object.assign(LINES, {
  open: "M9 6l6 6-6 6",
  hourglass: "M7 3h10M7 21h10M8 3c0 6 8 6 8 12v6M16 3c0 6-8 6-8 12v6",
  lock: "M6 11h12v9H6zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11",
  undo: "M4 9h10a5.5 5.5 0 0 1 0 11H8M8 5L4 9l4 4",
  minus: "M6 12h12",
  plus: "M6 12h12M12 6v12",
});
