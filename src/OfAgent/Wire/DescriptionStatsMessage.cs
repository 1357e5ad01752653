namespace Softswitch.OfAgent.Wire;

/// <summary>Who made the switch: struct ofp_desc_stats. Each is cut to its field, at most 255 bytes of UTF-8 (serial number: 31).</summary>
internal sealed record SwitchDescription(string Manufacturer, string Hardware, string Software, string SerialNumber, string Datapath);

/// <summary>OFPST_DESC (OpenFlow 1.0.0 §5.3.5). The request has no body: <see cref="StatsMessage.WriteRequest"/>.</summary>
internal static class DescriptionStatsMessage
{
    /// <summary>DESC_STR_LEN.</summary>
    public const int StringSize = 256;

    /// <summary>SERIAL_NUM_LEN.</summary>
    public const int SerialNumberSize = 32;

    public const int EntrySize = (4 * StringSize) + SerialNumberSize;

    public static void WriteEntry(OfBuffer buffer, SwitchDescription description)
    {
        OfWriter writer = new(buffer.Append(EntrySize));
        writer.Text(description.Manufacturer, StringSize);
        writer.Text(description.Hardware, StringSize);
        writer.Text(description.Software, StringSize);
        writer.Text(description.SerialNumber, SerialNumberSize);
        writer.Text(description.Datapath, StringSize);
    }

    /// <param name="body">A reply's body.</param>
    public static bool TryReadEntry(ref ReadOnlySpan<byte> body, out SwitchDescription? description)
    {
        if (!StatsMessage.TryTake(ref body, EntrySize, out OfReader reader))
        {
            description = null;
            return false;
        }
        description = new SwitchDescription(
            reader.Text(StringSize),
            reader.Text(StringSize),
            reader.Text(StringSize),
            reader.Text(SerialNumberSize),
            reader.Text(StringSize));
        return true;
    }
}
