using Softswitch.Datapath.Headers;

namespace Softswitch.Lab;

/// <summary>A kernel's ARP cache, as <c>/proc/net/arp</c> has it.</summary>
internal static class ArpCache
{
    /// <returns>The Ethernet address of a neighbour; null if the kernel knows none.</returns>
    public static MacAddress? Find(string table, Be32 address)
    {
        // Columns: address, hardware type, flags, hardware address, mask, device (proc(5)).
        string wanted = Ipv4Text.Format(address);
        foreach (string[] columns in table.Split('\n').Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            if (columns.Length > 3 && columns[0] == wanted && MacAddress.TryParse(columns[3], out MacAddress found) && found.Value != 0)
            {
                return found;
            }
        }
        return null;
    }
}
