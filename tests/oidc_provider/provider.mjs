// A certified OpenID provider (npm's oidc-provider) for the tests of sign-in.
//
//     node provider.mjs '{"redirect_uri": …, "post_logout_redirect_uri": …, "accounts": {…}}'
//
// Prints its issuer once it listens, and ends when its standard input closes. Whoever signs in as
// `NAME` gets the claims of `accounts.NAME`: those of the scope `openid` in the id_token, those of
// `groups` and `profile` only at the userinfo endpoint, as with Okta, Zitadel and many others.

import { createServer } from "node:http";
import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2]);
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: options.client_id,
      client_secret: options.client_secret,
      redirect_uris: [options.redirect_uri],
      post_logout_redirect_uris: [options.post_logout_redirect_uri],
      grant_types: ["authorization_code"],
    },
  ],
  claims: {
    openid: ["sub", "homeroom_role", "sourced_id"],
    groups: ["groups"],
    profile: ["name", "schools", "staff_number"],
  },
  cookies: { keys: ["made-up"] },
  pkce: { required: () => true },
  findAccount: (_, id) =>
    id in options.accounts && { accountId: id, claims: () => ({ sub: id, ...options.accounts[id] }) },
});

server.on("request", provider.callback());
process.stdin.on("end", () => process.exit()).resume();
console.log(issuer);
