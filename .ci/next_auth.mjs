// Makes cookies with the real encode() and chunk() of next-auth and @auth/core,
// and tokens with jose. Called by next_auth.py, as its only argument a JSON
// object; prints one.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { modules, secret, rotated, owner, issuer, audience } = JSON.parse(process.argv[2]);
const require = createRequire(join(modules, 'x.cjs'));
const load = (file) => import(pathToFileURL(join(modules, file)));

const v4 = require(join(modules, 'next-auth/jwt/index.js'));
const v4Store = require(join(modules, 'next-auth/core/lib/cookie.js')).SessionStore;
const v5 = await load('@auth/core/jwt.js');
const v5Store = (await load('@auth/core/lib/utils/cookie.js')).SessionStore;
const jose = await load('jose/dist/webapi/index.js');

// It tells of each cookie that it splits.
const silent = { debug() {}, warn: console.warn, error: console.error };
const large = { sub: owner, picture: 'p'.repeat(6000) };

async function cookiesOf(name, encode, decode, store) {
  const make = (options) => encode({ token: { sub: owner, name: 'A Person' }, secret, ...options });
  const valid = await make({});
  if ((await decode(valid)).sub !== owner) throw new Error(`${name} is not its own maker's`);
  const split = store(name).chunk(await make({ token: large }), {});
  return {
    name,
    valid,
    rotated: await make({ secret: rotated }),
    // A minute of leeway, and some seconds for this to get there.
    expiring: await make({ maxAge: -30 }),
    expired: await make({ maxAge: -61 }),
    wrongSecret: await make({ secret: `${secret}.` }),
    nobody: await make({ token: { name: 'A Person' } }),
    pieces: split.map(({ name, value }) => [name, value]),
  };
}

const cookies = [];
for (const prefix of ['', '__Secure-']) {
  const [old, young] = [`${prefix}next-auth.session-token`, `${prefix}authjs.session-token`];
  const request = { cookies: {}, headers: {} };
  cookies.push(
    await cookiesOf(
      old,
      v4.encode,
      (token) => v4.decode({ token, secret }),
      (name) => new v4Store({ name, options: {} }, request, silent),
    ),
    await cookiesOf(
      young,
      (options) => v5.encode({ salt: young, ...options }),
      (token) => v5.decode({ token, secret, salt: young }),
      (name) => new v5Store({ name, options: {} }, {}, silent),
    ),
  );
}

const keys = [];
const tokens = {};
for (const alg of ['RS256', 'ES256', 'EdDSA']) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg);
  keys.push({ ...(await jose.exportJWK(publicKey)), kid: alg, alg, use: 'sig' });
  const token = new jose.SignJWT({ name: 'A Person' })
    .setProtectedHeader({ alg, kid: alg })
    .setSubject(owner)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt();
  tokens[alg] = {
    valid: await token.setExpirationTime('5m').sign(privateKey),
    expired: await token.setExpirationTime('-2m').sign(privateKey),
    wrongAudience: await token.setExpirationTime('5m').setAudience('other').sign(privateKey),
  };
}

console.log(JSON.stringify({ cookies, jwks: { keys }, tokens }));
