/** What members say of themselves: that they followed, shared or visited, for which we take their word, and their birthday. */
import { html } from "../html.js";
import { button, icon } from "./parts.js";
import { stepOf } from "./step.js";

const DAY = 86400000;
const PARTS = { sheet: "styles/rewards.css", words: "earn/" };

const brought = new WeakMap();

/** The words and the looks of all this, once. */
function bring(panel) {
  if (!brought.has(panel)) {
    brought.set(panel, panel.bring(PARTS).then(() => panel.changed()));
    brought.get(panel).catch(() => brought.delete(panel));
  }
  return brought.get(panel);
}

/** What we say when something went wrong; what the server says wins. */
function sorry({ detail, kind, wait }, { format }) {
  return detail || (kind === "busy" ? format.say("problem.busy.text", { n: wait }) : format.say("claim.lost"));
}

function thank(panel, { points_text: points, due_at: due }) {
  const { format } = panel.model;
  const isLater = new Date(due) - Date.now() > DAY;
  panel.say(format.say(isLater ? "claim.thanks.later" : "claim.thanks", { points, date: isLater ? format.day(due) : "" }));
}

const ruleOf = ({ me }, id) => me?.earn.find((one) => one.id === id);
const usedOf = (rule) => Math.max(rule?.limit?.used ?? 0, Number(rule?.done ?? 0));

/** Claims the rule of that id for the member. */
export async function claim(panel, id) {
  const { me } = panel.model;
  const rule = ruleOf(panel.model, id);
  if (!rule) return;
  if (rule.kind === "birthday") return askBirthday(panel, rule);
  const key = `${me.member.id} ${id}`;
  if (panel.claims[key]?.isSent) return;
  panel.claims[key] = { isSent: true };
  panel.changed();
  try {
    const [answer] = await Promise.all([panel.send(`me/earn/${id}`, {}), bring(panel)]);
    thank(panel, answer);
    await panel.renew();
    delete panel.claims[key];
  } catch (problem) {
    await Promise.all([bring(panel).catch(() => {}), panel.renew()]); // what was refused is not as it was shown
    const isDone = !problem.detail && usedOf(ruleOf(panel.model, id)) > usedOf(rule); // only the answer was lost
    if (isDone) delete panel.claims[key];
    else panel.claims[key] = { problem: sorry(problem, panel.model) };
    if (isDone) thank(panel, rule);
    else panel.say(panel.claims[key].problem);
  }
  panel.changed();
}

// The birthday -------------------------------------------------------------------------------------------------------

const titled = (picture, title) => html`<span class="seal">${icon(picture)}</span><h2 id="step-title" tabindex="-1">${title}</h2>`;

const asking = ({ points_text: points }, { day, problem }) => ({ format }) => html`<form>${titled("birthday", format.say("birthday.title"))}
  <p>${format.say("birthday.text", { points })}</p>
  <p class="field"><label for="birthday">${format.say("birthday.label")}</label>
    <input type="date" id="birthday" name="birthday" value="${day}" min="1900-01-01" max="${new Date().toISOString().slice(0, 10)}" autocomplete="bday" required aria-describedby="birthday-once"></p>
  <p class="hint" id="birthday-once">${format.say("birthday.once")}</p>${problem && html`<p class="hint" role="alert">${problem}</p>`}
  <p class="choice">${button("later", format.say("birthday.later"))}<button type="submit" class="button" data-do="birthday">${format.say("birthday.save")}</button></p></form>`;

const kept = (rule, points) => ({ format }) => html`${titled("done", format.say("birthday.kept.title"))}
  <p>${format.say("birthday.kept.text", { points })}</p><p class="choice">${button("later", format.say("birthday.end"))}</p>`;

async function askBirthday(panel, rule) {
  const isThere = await bring(panel).then(() => true, () => false);
  if (!isThere) return panel.say(panel.model.format.say("problem.failed.title"));
  const step = stepOf(panel);
  panel.verbs.birthday = async () => {
    const field = panel.part("birthday");
    if (!field.form.checkValidity() || step.isWaiting) return; // the browser says what is missing
    const { opening } = step;
    const { value: day } = field;
    step.wait();
    try {
      const answer = await panel.send(`me/earn/${rule.id}`, { birthday: day });
      if (!step.turn(kept(rule, answer.points_text || rule.points_text), opening)) thank(panel, answer);
      await panel.renew();
    } catch (problem) {
      const text = sorry(problem, panel.model);
      if (!step.turn(asking(rule, { day, problem: text }), opening)) panel.say(text);
      if (problem.detail) panel.renew();
    }
  };
  step.open(asking(rule, {}), `way-${rule.id}`);
}
