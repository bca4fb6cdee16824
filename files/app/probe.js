// The backend's health: every probe of the list must answer as declared. 429 is not ready, it is a throttled prober.
const probes = JSON.parse(process.argv[1]);
const ask = async ({ port, path, statuses, content_type }) => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(8000) });
  await answer.arrayBuffer();
  const type = answer.headers.get('content-type') ?? 'no content type';
  if (!statuses.includes(answer.status) || !type.startsWith(content_type))
    throw new Error(`answered ${answer.status} ${type}, wanted ${statuses.join(' or ')} ${content_type}`);
};
Promise.all(probes.map((probe) => ask(probe).catch((error) => {
  throw new Error(`:${probe.port}${probe.path} ${error.cause?.code ?? error.message}`);
}))).catch((error) => { console.log(error.message); process.exit(1); });
