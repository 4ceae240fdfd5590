const NAMESPACE = 'rookery';

/** The metadata of every object of one process. */
export const metadata = (name: string) => ({
  name,
  namespace: NAMESPACE,
  labels: { app: name, 'app.kubernetes.io/part-of': 'rookery' },
});
