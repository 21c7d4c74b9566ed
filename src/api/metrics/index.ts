export { createMetricsApi, type MetricsSource } from './metrics.ts';
