// Runs the cases in a browser, under the page's own policy, and says how they ended.

import { cases } from "./cases.js";
import { unlocking } from "./unlocking.js";

/** @param {string} name */
async function load(name) {
  const { vectors } = await (await fetch(`/vectors/${name}.json`)).json();
  return vectors;
}

/** @type {Record<string, string | null>} */
const ends = {};
for (const [subject, all] of Object.entries({ ...cases, unlocking })) {
  for (const [name, run] of Object.entries(all)) {
    ends[`${subject}: ${name}`] = await run(load).then(
      () => null,
      (error) => String(error.stack ?? error),
    );
  }
}
Object.assign(globalThis, { ends });
