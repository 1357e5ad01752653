using System.Text;

namespace Softswitch.Hosting.State;

/// <summary>The number that a port of some name had the last time: flow entries mean it by that.</summary>
/// <remarks>A number is remembered for one name, so there are no more names than numbers. Threads: one at a time.</remarks>
internal sealed class PortMemory
{
    private readonly Dictionary<string, ushort> _numbers = [];
    private readonly Dictionary<ushort, string> _names = [];

    public IEnumerable<KeyValuePair<ushort, string>> All => _names;

    public bool TryFind(string name, out ushort number) => _numbers.TryGetValue(name, out number);

    /// <summary>Whether it is remembered for another port than this.</summary>
    public bool IsAnothers(ushort number, string name) => _names.TryGetValue(number, out string? owner) && owner != name;

    /// <returns>Whether that is news.</returns>
    public bool Note(string name, ushort number)
    {
        if (_names.GetValueOrDefault(number) == name || name.Length == 0 || Encoding.UTF8.GetByteCount(name) > JournalBuffer.MaxNameSize)
        {
            return false;
        }
        if (_names.Remove(number, out string? before))
        {
            _numbers.Remove(before);
        }
        if (_numbers.Remove(name, out ushort former))
        {
            _names.Remove(former);
        }
        _names[number] = name;
        _numbers[name] = number;
        return true;
    }
}
