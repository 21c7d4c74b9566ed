// The page with the result. The database tells of every vote (LISTEN), and all open pages get the new counts at once (server-sent events).
const { readFileSync } = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { Client } = require('pg');

const CHOICES = { a: process.env.OPTION_A || 'Tea', b: process.env.OPTION_B || 'Coffee' };
const NO_SUCH_TABLE = '42P01';
const FILES = { '/': ['index.html', 'text/html; charset=utf-8'], '/style.css': ['style.css', 'text/css'], '/page.js': ['page.js', 'text/javascript'] };

const pages = new Set();
let counts = { a: 0, b: 0 };
let database;

async function count() {
  try {
    const { rows } = await database.query('SELECT choice, count(*)::int AS votes FROM votes GROUP BY choice');
    counts = Object.fromEntries(Object.keys(CHOICES).map((choice) => [choice, rows.find((row) => row.choice === choice)?.votes ?? 0]));
  } catch (error) {
    // The worker makes the table: before that nobody has voted.
    if (error.code !== NO_SUCH_TABLE) throw error;
  }
  for (const page of pages) tell(page);
}

const tell = (page) => page.write(`data: ${JSON.stringify({ choices: CHOICES, counts })}\n\n`);

async function connect() {
  const client = new Client({
    host: process.env.DB_HOST || 'db',
    database: 'votes',
    user: 'postgres',
    password: readFileSync(process.env.DB_PASSWORD_FILE || '/run/secrets/db-password', 'utf8').trim(),
    connectionTimeoutMillis: 5000,
  });
  client.on('error', lost);
  client.on('notification', () => void count().catch(lost));
  await client.connect();
  await client.query('LISTEN votes');
  database = client;
  await count();
  console.log('result: connected to the database');
}

function lost(error) {
  console.error(`result: trying again in a second: ${error.message}`);
  void database?.end().catch(() => undefined);
  database = undefined;
  clearTimeout(lost.timer);
  lost.timer = setTimeout(() => void connect().catch(lost), 1000);
}

const server = http.createServer((request, response) => {
  if (request.url === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    pages.add(response);
    response.on('close', () => pages.delete(response));
    return tell(response);
  }
  if (request.url === '/health') return response.writeHead(database ? 200 : 503).end();
  const [file, type] = FILES[request.url] ?? [];
  if (!file) return response.writeHead(404).end('There is nothing here.\n');
  response.writeHead(200, { 'Content-Type': type }).end(readFileSync(path.join(__dirname, 'public', file)));
});

process.on('SIGTERM', () => process.exit(0));
server.listen(8080);
void connect().catch(lost);
