/** Objects with some of their methods replaced, for wrappers around ports of the production code. */

/** The same object with some of its members in another form; what its methods are bound to stays what it was. */
export function changed<T extends object>(inner: T, other: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      if (name in other) return other[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
