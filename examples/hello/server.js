const http = require('node:http');
const os = require('node:os');

const port = 8080;

// The image has no curl: the health check asks by the program itself.
if (process.argv.includes('--probe')) {
  http
    .get({ port, path: '/' }, (response) => process.exit(response.statusCode === 200 ? 0 : 1))
    .on('error', () => process.exit(1));
} else {
  const server = http.createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end(`Hello from ${os.hostname()}, Node ${process.version}. You asked for ${request.url}.\n`);
  });
  server.listen(port, () => console.log(`listening on port ${port}`));
  // As process 1, nothing ends it but what it handles itself.
  process.once('SIGTERM', () => server.close());
}
