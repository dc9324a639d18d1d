/** What has come since the last look: said to all, and celebrated, once. Where less motion is asked for nothing moves; the
 * sentence and the badge are there all the same. Nothing here can be clicked or waits for anybody, and all of it goes when
 * the panel closes. */
const PIECES = 22;
const COUNTING = 700; // ms

/** Counts the numbers in `elements` from one value to the next. */
function count(elements, from, to, write) {
  const began = performance.now();
  const step = (now) => {
    const left = Math.max(0, 1 - (now - began) / COUNTING);
    for (const element of elements) element.textContent = write(Math.round(to - (to - from) * left ** 3));
    if (left) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

const make = (tag, style, parent) => {
  const made = document.createElement(tag);
  made.style.cssText = style;
  made.ariaHidden = "true";
  parent.append(made);
  return made;
};

/** Confetti of the merchant's colours out of `source`, over the panel and in front of nothing. */
function burst(dialog, source) {
  const sky = make("div", "position:absolute;inset:0;z-index:3;overflow:hidden;pointer-events:none", dialog.firstElementChild);
  const [box, at] = [dialog, source].map((one) => one.getBoundingClientRect());
  const [x, y] = [at.x - box.x + at.width / 2, at.y - box.y + at.height / 2];
  const pieces = Array.from({ length: PIECES }, (_, i) => {
    const color = ["--strong", "--soft", "--ink"][i % 3];
    const piece = make("i", `position:absolute;width:8px;height:${i % 2 ? 8 : 12}px;border-radius:${i % 4 ? 2 : 8}px;background:var(${color})`, sky);
    const angle = ((i + Math.random()) / PIECES) * 2 * Math.PI;
    const reach = 50 + Math.random() * 90;
    const [outX, outY] = [x + Math.cos(angle) * reach * 1.3, y + Math.sin(angle) * reach - 20];
    const turn = (Math.random() - 0.5) * 720;
    return piece.animate(
      [
        { translate: `${x}px ${y}px`, scale: 0, easing: "cubic-bezier(.1, .8, .3, 1)" },
        { translate: `${outX}px ${outY}px`, scale: 1, opacity: 1, rotate: `${turn / 2}deg`, offset: 0.35, easing: "cubic-bezier(.4, 0, .9, .6)" },
        { translate: `${outX * 1.05 - x * 0.05}px ${outY + 140 + Math.random() * 120}px`, scale: 0.8, rotate: `${turn}deg`, opacity: 0 },
      ],
      { duration: 1100 + Math.random() * 500, fill: "both" },
    ).finished;
  });
  Promise.allSettled(pieces).then(() => sky.remove());
  return sky;
}

/** `before` and `now` are what was seen: {points, rank, level}. */
export function tell(panel, before, now, isQuiet) {
  const { dialog, signal } = panel;
  const { format } = panel.model;
  const gain = Math.max(0, now.points - before.points);
  const isHigher = now.rank > before.rank;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (now.points !== before.points && !isStill) count(dialog.querySelectorAll(".figure"), before.points, now.points, (n) => format.number(n));
  const said = [
    gain && !isQuiet && format.say("added", { n: gain, points: format.points(gain) }),
    isHigher && format.say("level.new", { level: now.level.name }),
  ];
  if (said.some(Boolean)) panel.say(said.filter(Boolean).join(" · "));
  const headline = dialog.querySelector(".standing .headline");
  if (isQuiet || !headline || !(gain || isHigher)) return;
  const marks = "color:var(--accent);background:var(--ink)";
  const badge = gain && make("b", `${marks};display:inline-block;margin:-3px 8px;padding:1px 10px;border-radius:14px`, headline.previousElementSibling);
  if (badge) badge.textContent = format.signed(gain);
  const chip = isHigher && dialog.querySelector(".climb .chip");
  if (chip) chip.style.cssText = marks;
  const pop = [{ scale: 0.6, opacity: 0 }, { scale: 1.12, opacity: 1, offset: 0.6 }, { scale: 1 }];
  if (!isStill) for (const mark of [badge, chip]) if (mark) mark.animate(pop, { duration: 450, easing: "ease-out" });
  const sky = !isStill && burst(dialog, headline);
  const clean = () => {
    for (const made of [badge, sky]) if (made) made.remove();
    if (chip) chip.style.cssText = "";
  };
  signal.addEventListener("abort", clean, { once: true });
}
