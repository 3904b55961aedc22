// Holds what the fake GitHub said against what GitHub has published.
//
//   node check.mjs exchanges.json
//
// The file has `rest`: [{method, path, status, body}], `graphql`: [{query, data}] and `hooks`:
// [{event, body}]. Prints a line for each deviation, then how much was checked; exits with 1 if
// there was one.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import * as graphql from "graphql";

const require = createRequire(import.meta.url);
const json = (name) => JSON.parse(readFileSync(require.resolve(name)));
const given = JSON.parse(readFileSync(process.argv[2]));
const found = new Set();
const counts = { rest: 0, graphql: 0, hooks: 0 };

function ajv() {
  const made = new Ajv({ strict: false, allErrors: true, logger: false });
  addFormats(made);
  // A template is no address, and a fake address is as good as a real one.
  for (const name of ["uri", "uri-template"]) made.addFormat(name, true);
  made.addFormat("repo.nwo", true);
  return made;
}

function report(what, validate) {
  for (const error of validate.errors ?? []) {
    if (error.keyword === "oneOf" || error.keyword === "anyOf") continue;
    const more = error.params.additionalProperty ?? error.params.allowedValues ?? "";
    found.add(`${what}: ${error.instancePath.replace(/\/\d+/g, "/N")} ${error.message} ${more}`.trim());
  }
  if (![...found].some((line) => line.startsWith(what))) found.add(`${what}: fits no alternative`);
}

// OpenAPI 3.0 says `nullable`; JSON Schema has a list of types.
function translate(schema) {
  if (Array.isArray(schema)) return schema.map(translate);
  if (schema === null || typeof schema !== "object") return schema;
  // Where the components have "one of the two", this list has "both", which nothing can be.
  if (schema.allOf?.map((it) => it.title).join() === "Simple User,Enterprise") {
    const { allOf, ...rest } = schema;
    return translate({ ...rest, anyOf: allOf });
  }
  const out = {};
  for (const [name, value] of Object.entries(schema)) {
    if (name === "example" || name === "examples" || name === "default") continue;
    out[name] = translate(value);
  }
  if (schema.nullable === true) {
    delete out.nullable;
    return { anyOf: [out, { type: "null" }] };
  }
  return out;
}

const description = json("@octokit/openapi/generated/api.github.com.json");
const paths = Object.keys(description.paths).map((path) => ({
  path,
  pattern: new RegExp(`^${path.replace(/[.]/g, "\\.").replace(/\{(ref|path)\}/g, "(.+)").replace(/\{[^}]+\}/g, "([^/]+)")}$`),
  plain: path.split("/").filter((part) => !part.startsWith("{")).length,
}));

const compiler = ajv();
compiler.addSchema({ $id: "github", components: translate(description.components) });
const compiled = new Map();

function held(what, schema, body) {
  if (!compiled.has(what)) {
    const local = JSON.stringify(translate(schema)).replaceAll('"#/', '"github#/');
    compiled.set(what, compiler.compile(JSON.parse(local)));
  }
  const validate = compiled.get(what);
  if (!validate(body)) report(what, validate);
}

function checkRest() {
  for (const { method, path, status, body } of given.rest) {
    const plain = path.split("?")[0];
    const fits = paths.filter((it) => it.pattern.test(plain)).sort((a, b) => b.plain - a.plain);
    const at = fits.find((it) => description.paths[it.path][method.toLowerCase()]);
    if (!at) {
      found.add(`${method} ${plain}: GitHub has no such endpoint`);
      continue;
    }
    const key = `${method} ${at.path} ${status}`;
    const responses = description.paths[at.path][method.toLowerCase()].responses;
    const ref = responses[status]?.$ref?.split("/").pop();
    const response = ref ? description.components.responses[ref] : responses[status];
    const schema = response?.content?.["application/json"]?.schema;
    if (!response && status < 400) found.add(`${key}: GitHub does not answer so`);
    counts.rest += 1;
    if (schema && body !== null) held(key, schema, body);
  }
}

function checkHooks() {
  for (const { event, body } of given.hooks) {
    const name = [event, body.action].filter(Boolean).join("-").replaceAll("_", "-");
    const described = description["x-webhooks"][name]?.post.requestBody.content["application/json"];
    counts.hooks += 1;
    if (described) held(`webhook ${name}`, described.schema, body);
    else found.add(`webhook ${name}: GitHub has no such event`);
  }
}

// Walks an answer beside its query, so that each value is held against its field's type.
function checkGraphql() {
  const schema = graphql.buildSchema(readFileSync(new URL("node_modules/@octokit/graphql-schema/schema.graphql", import.meta.url), "utf8"), {
    // The published file defines two fields twice.
    assumeValid: true,
    assumeValidSDL: true,
  });
  for (const { query, data } of given.graphql) {
    const document = graphql.parse(query);
    counts.graphql += 1;
    for (const error of graphql.validate(schema, document)) found.add(`graphql: ${error.message}`);
    const fragments = Object.fromEntries(
      document.definitions.filter((it) => it.kind === "FragmentDefinition").map((it) => [it.name.value, it]),
    );
    const operation = document.definitions.find((it) => it.kind === "OperationDefinition");
    const root = operation.operation === "mutation" ? schema.getMutationType() : schema.getQueryType();
    // A document without its answer is held against the schema alone.
    if (data !== undefined) walk(data, root, operation.selectionSet, operation.operation);

    function walk(value, type, set, where) {
      for (const selection of set.selections) {
        if (selection.kind === "Field") field(value, type, selection, where);
        else {
          const fragment = selection.kind === "FragmentSpread" ? fragments[selection.name.value] : selection;
          const on = fragment.typeCondition ? schema.getType(fragment.typeCondition.name.value) : type;
          const is = value.__typename ? on.name === value.__typename : on.name in { Commit: 1, StatusCheckRollup: 1 };
          if (is || on === type) walk(value, on, fragment.selectionSet, where);
        }
      }
    }

    function field(value, type, selection, where) {
      const name = selection.name.value;
      if (name === "__typename") return;
      const key = selection.alias?.value ?? name;
      const path = `${where}.${key}`;
      const of = type.getFields?.()[name];
      if (!of) return void found.add(`graphql ${path}: not in ${type.name}`);
      fits(value[key], of.type, selection.selectionSet, path);
    }

    function fits(value, type, set, path) {
      if (graphql.isNonNullType(type)) {
        if (value === null || value === undefined) found.add(`graphql ${path}: must not be null`);
        else fits(value, type.ofType, set, path);
      } else if (value === null) return;
      else if (value === undefined) found.add(`graphql ${path}: missing`);
      else if (graphql.isListType(type)) {
        if (!Array.isArray(value)) found.add(`graphql ${path}: not a list`);
        else value.forEach((it) => fits(it, type.ofType, set, path));
      } else if (graphql.isEnumType(type)) {
        if (!type.getValue(value)) found.add(`graphql ${path}: ${value} is no ${type.name}`);
      } else if (graphql.isCompositeType(type)) walk(value, type, set, path);
      else {
        const kinds = { Int: "number", Float: "number", Boolean: "boolean" };
        const kind = kinds[type.name] ?? "string";
        if (typeof value !== kind) found.add(`graphql ${path}: ${typeof value} is no ${type.name}`);
      }
    }
  }
}

checkRest();
checkHooks();
checkGraphql();
for (const line of [...found].sort()) console.log(line);
console.log(`checked ${counts.rest} answers, ${counts.hooks} webhooks, ${counts.graphql} queries: ${found.size} deviations`);
process.exit(found.size > 0 ? 1 : 0);
