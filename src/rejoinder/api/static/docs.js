// Shows /openapi.json and lets one try its operations. No library and no inline code: the page's policy allows neither.

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const MAX_DEPTH = 8;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function resolve(api, node) {
  let found = node;
  for (let hops = 0; found && found.$ref && hops < 10; hops += 1) {
    found = found.$ref.slice(2).split('/').reduce((value, part) => value?.[part], api);
  }
  return found ?? {};
}

function typeName(api, given) {
  const schema = resolve(api, given);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((choice) => typeName(api, choice)).join(' or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const type = Array.isArray(schema.type) ? schema.type.join(' or ') : (schema.type ?? 'any');
  if (type.startsWith('array')) return `array of ${typeName(api, schema.items ?? {})}`;
  return schema.format ? `${type} (${schema.format})` : type;
}

function limitsOf(schema) {
  const names = { minimum: '≥', maximum: '≤', minLength: 'min. length', maxLength: 'max. length', default: 'default' };
  return Object.entries(names)
    .filter(([name]) => schema[name] !== undefined)
    .map(([name, label]) => `${label} ${JSON.stringify(schema[name])}`)
    .join(', ');
}

function schemaTree(api, given, depth = 0) {
  const schema = resolve(api, given);
  if (depth > MAX_DEPTH) return null;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) {
    const trees = choices.map((choice) => schemaTree(api, choice, depth + 1)).filter(Boolean);
    return trees.length ? make('div', {}, ...trees) : null;
  }
  if (schema.items) return schemaTree(api, schema.items, depth + 1);
  if (!schema.properties) return null;
  const list = make('ul', { className: 'tree' });
  for (const [name, part] of Object.entries(schema.properties)) {
    const value = resolve(api, part);
    list.append(make(
      'li', {},
      make('code', { textContent: name }), ' ',
      make('span', { className: 'muted', textContent: typeName(api, part) }),
      schema.required?.includes(name) ? make('span', { className: 'required', textContent: ' required' }) : null,
      make('span', { textContent: ` ${value.description ?? ''} ` }),
      make('span', { className: 'muted', textContent: limitsOf(value) }),
      schemaTree(api, part, depth + 1),
    ));
  }
  return list;
}

function exampleOf(api, given) {
  const schema = resolve(api, given);
  const example = {};
  for (const name of schema.required ?? []) {
    const part = resolve(api, schema.properties?.[name] ?? {});
    example[name] = part.examples?.[0] ?? (part.type === 'object' ? {} : '');
  }
  return JSON.stringify(example, null, 2);
}

function parameterTable(api, parameters) {
  if (!parameters.length) return null;
  const rows = parameters.map((parameter) => make(
    'tr', {},
    make('td', {}, make('code', { textContent: parameter.name }), parameter.required
      ? make('span', { className: 'required', textContent: ' required' }) : null),
    make('td', { className: 'muted', textContent: `${parameter.in}, ${typeName(api, parameter.schema ?? {})}` }),
    make('td', { textContent: parameter.description ?? '' }),
  ));
  return make('div', {}, make('h3', { textContent: 'Parameters' }), make('table', {}, make('tbody', {}, ...rows)));
}

function responseTable(api, responses) {
  const rows = Object.entries(responses).map(([status, given]) => {
    const response = resolve(api, given);
    const schemas = Object.entries(response.content ?? {});
    return make(
      'tr', {},
      make('td', {}, make('code', { textContent: status })),
      make('td', {}, response.description ?? '', ...schemas.map(([type, { schema }]) => make(
        'details', {}, make('summary', { className: 'muted', textContent: `${type}: ${typeName(api, schema ?? {})}` }),
        schemaTree(api, schema ?? {}),
      ))),
    );
  });
  return make('div', {}, make('h3', { textContent: 'Answers' }), make('table', {}, make('tbody', {}, ...rows)));
}

function urlOf(path, parameters, values) {
  let filled = path;
  const query = new URLSearchParams();
  parameters.forEach((parameter, index) => {
    const value = values[index];
    if (parameter.in === 'path') filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(value));
    if (parameter.in !== 'query' || !value) return;
    if (parameter.style === 'deepObject') {
      for (const pair of value.split('&')) {
        const [name, ...rest] = pair.split('=');
        query.append(`${parameter.name}[${name}]`, rest.join('='));
      }
    } else query.append(parameter.name, value);
  });
  const text = query.toString();
  return text ? `${filled}?${text}` : filled;
}

async function answerText(response) {
  const type = response.headers.get('content-type') ?? '';
  if (type.includes('json')) return JSON.stringify(await response.json(), null, 2);
  if (type.startsWith('text/') || type.includes('subrip')) return response.text();
  return `${(await response.blob()).size} bytes of ${type}`;
}

function tryForm(api, path, method, operation, parameters) {
  const inputs = parameters.map((parameter) => make('input', {
    type: 'text', required: parameter.in === 'path',
    placeholder: parameter.style === 'deepObject' ? 'name=value&name=value' : '',
  }));
  const schema = operation.requestBody?.content?.['application/json']?.schema;
  const body = schema ? make('textarea', { value: exampleOf(api, schema), spellcheck: false }) : null;
  const send = make('button', { type: 'submit', textContent: `Send ${method.toUpperCase()}` });
  const result = make('pre', { hidden: true, tabIndex: 0 });
  const form = make(
    'form', {}, make('h3', { textContent: 'Try it' }),
    ...parameters.map((parameter, index) => make('label', {}, `${parameter.name} (${parameter.in}) `, inputs[index])),
    body ? make('label', {}, 'Body ', body) : null, send,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    send.disabled = true;
    result.hidden = false;
    const headers = {};
    const key = document.getElementById('key').value.trim();
    if (key && operation.security) headers.Authorization = `Token ${key}`;
    if (body) headers['Content-Type'] = 'application/json';
    parameters.forEach((parameter, index) => {
      if (parameter.in === 'header' && inputs[index].value) headers[parameter.name] = inputs[index].value;
    });
    try {
      const url = urlOf(path, parameters, inputs.map((input) => input.value));
      const response = await fetch(url, { method: method.toUpperCase(), headers, body: body?.value, credentials: 'omit' });
      result.textContent = `${response.status} ${response.statusText}\n${url}\n\n${await answerText(response)}`;
    } catch (error) {
      result.textContent = String(error);
    } finally {
      send.disabled = false;
    }
  });
  return make('div', {}, form, result);
}

function operationView(api, path, method, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => resolve(api, parameter));
  const schema = operation.requestBody?.content?.['application/json']?.schema;
  const content = make('div');
  const view = make(
    'details', { className: 'operation', id: operation.operationId },
    make('summary', {}, make('span', { className: 'method', textContent: method.toUpperCase() }),
      make('code', { textContent: path }), make('span', { className: 'title', textContent: operation.summary ?? '' })),
    content,
  );
  view.addEventListener('toggle', () => {
    if (!view.open || content.childElementCount) return;
    content.append(
      make('p', { textContent: operation.description ?? '' }),
      parameterTable(api, parameters) ?? '',
      schema ? make('div', {}, make('h3', { textContent: 'Body' }), schemaTree(api, schema) ?? '') : '',
      responseTable(api, operation.responses ?? {}),
      tryForm(api, path, method, operation, parameters),
    );
  });
  return view;
}

function open(id) {
  const view = document.getElementById(id);
  if (view instanceof HTMLDetailsElement) {
    view.open = true;
    view.scrollIntoView();
  }
}

function show(api) {
  document.getElementById('version').textContent = api.info.version;
  document.getElementById('summary').textContent = api.info.summary ?? '';
  const groups = new Map((api.tags ?? []).map((tag) => [tag.name, { tag, operations: [] }]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const name = item[method].tags?.[0] ?? 'other';
      if (!groups.has(name)) groups.set(name, { tag: { name }, operations: [] });
      groups.get(name).operations.push([path, method, item[method]]);
    }
  }
  const main = document.getElementById('operations');
  const contents = document.getElementById('contents');
  main.replaceChildren();
  for (const { tag, operations } of groups.values()) {
    if (!operations.length) continue;
    main.append(make('h2', { textContent: tag.name }), make('p', { textContent: tag.description ?? '' }));
    contents.append(make('h2', { textContent: tag.name }));
    for (const [path, method, operation] of operations) {
      main.append(operationView(api, path, method, operation));
      contents.append(make('a', { href: `#${operation.operationId}`, textContent: operation.summary ?? path }));
    }
  }
  window.addEventListener('hashchange', () => open(location.hash.slice(1)));
  if (location.hash) open(location.hash.slice(1));
}

document.getElementById('key-form').addEventListener('submit', (event) => event.preventDefault());
try {
  const response = await fetch('/openapi.json');
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`);
  show(await response.json());
} catch (error) {
  document.getElementById('operations').textContent = `The description cannot be shown: ${error.message}`;
}
