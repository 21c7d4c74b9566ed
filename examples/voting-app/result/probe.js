// Whether the page answers and has its database: for the health check.
const request = require('node:http').get('http://127.0.0.1:8080/health', { timeout: 4000 }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1));
request.on('timeout', () => process.exit(1)).on('error', () => process.exit(1));
