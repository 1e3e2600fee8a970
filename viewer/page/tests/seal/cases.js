// Every case, for node and for Chromium alike.

import content from "./cases/content.js";
import identity from "./cases/identity.js";
import keyring from "./cases/keyring.js";
import keys from "./cases/keys.js";
import protocol from "./cases/protocol.js";
import strength from "./cases/strength.js";
import texts from "./cases/texts.js";

/** @type {Record<string, Record<string, (load: (name: string) => Promise<any[]>) => Promise<void>>>} */
export const cases = { keys, identity, content, keyring, protocol, strength, texts };
