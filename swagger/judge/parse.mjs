// Prints what the parser of AsyncAPI finds wrong with a document, a line each.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'));
for (const d of diagnostics) {
  if (d.severity < 2) console.log(`${d.code} at ${d.path.join('/')}: ${d.message}`);
}
if (!document) console.log('the document cannot be read');
