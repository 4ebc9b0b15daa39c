// What the demo's page needs beside its own modules.
import { copyFile, readdir } from 'node:fs/promises';

const FROM = 'src/demo/page';
const TO = 'dist/demo/page';

for (const name of await readdir(FROM)) {
  if (/\.(html|css|svg)$/.test(name)) await copyFile(`${FROM}/${name}`, `${TO}/${name}`);
}
await copyFile('dist/client/client.min.js', `${TO}/client.js`);
