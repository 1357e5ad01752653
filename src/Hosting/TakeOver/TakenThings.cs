namespace Softswitch.Hosting.TakeOver;

/// <summary>Which of the offered ports and listeners the taker goes on with; the others are the giver's to close.</summary>
internal sealed record TakenThings(IReadOnlySet<ushort> Ports, IReadOnlySet<string> Listeners)
{
    /// <summary>Never fails: what the bytes do not say was not taken.</summary>
    public static TakenThings Read(byte[] payload)
    {
        HashSet<ushort> ports = [];
        HashSet<string> listeners = [];
        try
        {
            using BinaryReader from = new(new MemoryStream(payload));
            for (int count = from.ReadInt32(); count > 0; count--)
            {
                ports.Add(from.ReadUInt16());
            }
            for (int count = from.ReadInt32(); count > 0; count--)
            {
                listeners.Add(from.ReadString());
            }
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            // the switch is the taker's all the same
        }
        return new TakenThings(ports, listeners);
    }

    public void Write(BinaryWriter to)
    {
        to.Write(Ports.Count);
        foreach (ushort port in Ports)
        {
            to.Write(port);
        }
        to.Write(Listeners.Count);
        foreach (string listener in Listeners)
        {
            to.Write(listener);
        }
    }
}
