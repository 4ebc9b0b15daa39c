// What the demo's page needs and the compiler does not write. `nest build` copies the same files, by `nest-cli.json`.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';

const FROM = 'src/demo/page';
const TO = 'dist/demo/page';

mkdirSync(TO, { recursive: true });
for (const name of readdirSync(FROM)) {
  if (/\.(html|css|svg)$/.test(name)) copyFileSync(`${FROM}/${name}`, `${TO}/${name}`);
}
