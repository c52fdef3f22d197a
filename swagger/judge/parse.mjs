// Prints what the parser of AsyncAPI finds wrong with documents, a line each.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const parser = new Parser();
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(readFileSync(file, 'utf8'));
  for (const d of diagnostics) {
    if (d.severity < 2) console.log(`${file}: ${d.code} at ${d.path.join('/')}: ${d.message}`);
  }
  if (!document) console.log(`${file}: the document cannot be read`);
}
console.log(`${process.argv.length - 2} documents`);
