namespace Softswitch.Ports.Linux.Processes;

/// <summary>One shared object for each network namespace, for as long as it is used.</summary>
/// <remarks>Threads: any.</remarks>
/// <param name="make">Makes one in the calling thread's namespace.</param>
internal sealed class NamespaceShared<T>(Func<T> make)
    where T : class, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = [];

    /// <summary>The calling thread's namespace's.</summary>
    public Lease Take()
    {
        string name = NetworkNamespace.NameOfCurrent();
        lock (_lock)
        {
            if (!_entries.TryGetValue(name, out Entry? entry))
            {
                entry = new Entry(name, make());
                _entries.Add(name, entry);
            }
            entry.Users++;
            return new Lease(this, entry);
        }
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            if (--entry.Users > 0)
            {
                return;
            }
            _entries.Remove(entry.Name);
        }
        entry.Value.Dispose();
    }

    private sealed class Entry(string name, T value)
    {
        public string Name { get; } = name;

        public T Value { get; } = value;

        public int Users { get; set; }
    }

    /// <summary>A use of it.</summary>
    public sealed class Lease : IDisposable
    {
        private readonly NamespaceShared<T> _owner;
        private Entry? _entry;

        internal Lease(NamespaceShared<T> owner, object entry)
        {
            _owner = owner;
            _entry = (Entry)entry;
            Value = _entry.Value;
        }

        /// <summary>Until this is disposed of.</summary>
        public T Value { get; }

        /// <summary>The last one disposes of what was shared.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _entry, null) is { } entry)
            {
                _owner.Release(entry);
            }
        }
    }
}
