/** The result of the work. @throws if it fails, or takes longer than this many milliseconds */
export function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = () => reject(new Error('The store does not answer.'));
    const timer = setTimeout(late, Math.max(milliseconds, 0));
    void work.then(resolve, reject).then(() => clearTimeout(timer));
  });
}
