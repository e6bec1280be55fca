// Validates a folder of GraphQL documents, and the schema.graphql among them,
// against an introspection result. Called by railway-documents.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const graphql = require('graphql');

const [publishedFile, folder] = process.argv.slice(2);
const answer = JSON.parse(fs.readFileSync(publishedFile, 'utf8'));
const published = graphql.buildClientSchema(answer.data ?? answer);
const own = graphql.buildSchema(fs.readFileSync(path.join(folder, 'schema.graphql'), 'utf8'));
const problems = [];

const files = fs
  .readdirSync(folder)
  .filter((file) => file.endsWith('.graphql') && file !== 'schema.graphql');
for (const file of files) {
  const document = graphql.parse(fs.readFileSync(path.join(folder, file), 'utf8'));
  const before = problems.length;
  for (const error of graphql.validate(published, document)) {
    problems.push(`${file}: ${error.message}`);
  }
  if (problems.length === before) console.log(`ok: ${file}`);
}

// The same kind of type, and in it nothing that the published one lacks or has
// differently. What is published may have more.
const compare = (where, mine, theirs, what) => {
  if (theirs === undefined) problems.push(`schema.graphql: ${where} is not published`);
  else if (what(mine) !== what(theirs)) {
    problems.push(`schema.graphql: ${where} is ${what(mine)}, published ${what(theirs)}`);
  }
};
const typeOf = (it) => String(it.type);
const kindOf = (it) => it.constructor.name;
const byName = (list) => new Map(list.map((it) => [it.name, it]));

let compared = 0;
for (const type of Object.values(own.getTypeMap())) {
  if (type.name.startsWith('__') || graphql.isSpecifiedScalarType(type)) continue;
  const other = published.getType(type.name);
  compare(type.name, type, other, kindOf);
  if (other === undefined || kindOf(type) !== kindOf(other)) continue;
  compared += 1;
  if (graphql.isEnumType(type)) {
    // A missing word would be taken for one of the future.
    const words = (it) => it.getValues().map((value) => value.name).sort().join(' ');
    compare(type.name, type, other, words);
  } else if (graphql.isObjectType(type) || graphql.isInputObjectType(type)) {
    const fields = other.getFields();
    for (const field of Object.values(type.getFields())) {
      const where = `${type.name}.${field.name}`;
      compare(where, field, fields[field.name], typeOf);
      compared += 1;
      const theirs = byName(fields[field.name]?.args ?? []);
      for (const argument of field.args ?? []) {
        compare(`${where}(${argument.name})`, argument, theirs.get(argument.name), typeOf);
        compared += 1;
      }
      for (const argument of theirs.values()) {
        const known = field.args.some((it) => it.name === argument.name);
        if (graphql.isRequiredArgument(argument) && !known) {
          problems.push(`schema.graphql: ${where} lacks its argument ${argument.name}`);
        }
      }
    }
    for (const field of Object.values(fields)) {
      const known = field.name in type.getFields();
      if (graphql.isInputObjectType(type) && graphql.isRequiredInputField(field) && !known) {
        problems.push(`schema.graphql: ${type.name} lacks its field ${field.name}`);
      }
    }
  }
}

if (files.length === 0) problems.push(`there are no documents in ${folder}`);
for (const problem of problems) console.log(`problem: ${problem}`);
if (problems.length > 0) {
  console.log(`FAILED: ${problems.length} problems with the documents or the schema`);
  process.exit(1);
}
console.log(`ok: ${files.length} documents and ${compared} lines of the schema are Railway's`);
