// An Express app behind the gate. Arguments: the folder of the middleware, port, JWKS, issuer, audience, `required`.
'use strict';
const [folder, port, jwks, issuer, audience, required] = process.argv.slice(2);
const express = require('express');
const portcullis = require(`${folder}/express/portcullis.js`);

const app = express();
app.use(portcullis({jwks, issuer, audience, required: required === 'true', cooldown: 0}));
app.use((req, res) => {
  const user = req.user && {...req.user, id: String(req.user.id)};
  const token = req.accessToken && {userId: req.accessToken.userId, id: req.accessToken.id};
  res.json({user: user || null, token: token || null, assertion: req.headers['x-portcullis-assertion']});
});
app.listen(Number(port), '127.0.0.1', () => console.log('ready'));
