// A LoopBack 3 app behind the gate, whose own rules read the token of the middleware. Arguments: as `express.js`.
'use strict';
const [folder, port, jwks, issuer, audience, required] = process.argv.slice(2);
const loopback = require('loopback');
const portcullis = require(`${folder}/express/portcullis.js`);

const app = loopback({localRegistry: true, loadBuiltinModels: true});
app.middleware('initial', portcullis({jwks, issuer, audience, required: required === 'true', cooldown: 0}));
app.dataSource('db', {connector: 'memory'});
app.registry.getModel('User').settings.acls = [];
for (const name of ['User', 'AccessToken', 'Role', 'RoleMapping', 'ACL']) {
  app.model(app.registry.getModel(name), {dataSource: 'db', public: false});
}
const Note = app.registry.createModel('Note', {text: 'string', userId: 'number'}, {
  acls: [
    {principalType: 'ROLE', principalId: '$everyone', permission: 'DENY'},
    {principalType: 'ROLE', principalId: '$authenticated', permission: 'ALLOW', property: 'who'},
    {principalType: 'ROLE', principalId: '$owner', permission: 'ALLOW', property: 'findById'},
  ],
});
Note.who = async options => ({userId: options.accessToken.userId});
Note.remoteMethod('who', {
  accepts: {arg: 'options', type: 'object', http: 'optionsFromRequest'},
  returns: {root: true, type: 'object'},
  http: {verb: 'get'},
});
app.model(Note, {dataSource: 'db'});
app.enableAuth({dataSource: 'db'});
app.use('/api', loopback.rest());
Note.create([{text: 'of the first user', userId: 1}, {text: 'of another', userId: 999}])
  .then(() => app.listen(Number(port), '127.0.0.1', () => console.log('ready')));
