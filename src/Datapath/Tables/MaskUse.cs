namespace Softswitch.Datapath.Tables;

/// <summary>In which subtables the entries of one mask are.</summary>
/// <remarks>Threads: the control side.</remarks>
internal sealed class MaskUse
{
    private readonly List<(Subtable Subtable, int Count)> _homes = [];

    public bool IsEmpty => _homes.Count == 0;

    /// <summary>How many subtables there are to look at for an entry with this mask.</summary>
    public int Homes => _homes.Count;

    public Subtable this[int home] => _homes[home].Subtable;

    public void CountIn(Subtable subtable) => Change(subtable, 1);

    public void CountOut(Subtable subtable) => Change(subtable, -1);

    private void Change(Subtable subtable, int by)
    {
        for (int i = 0; i < _homes.Count; i++)
        {
            if (_homes[i].Subtable == subtable)
            {
                int count = _homes[i].Count + by;
                if (count == 0)
                {
                    _homes.RemoveAt(i);
                }
                else
                {
                    _homes[i] = (subtable, count);
                }
                return;
            }
        }
        _homes.Add((subtable, by));
    }
}
