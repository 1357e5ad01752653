namespace Softswitch.Datapath.Control;

/// <summary>Told of each change of the flow table and the emergency table, so that a copy of them can be kept elsewhere.</summary>
/// <remarks>
/// A matching packet is no change: counters are passed with the entry's next change only. Threads: under the control lock, one call at a time,
/// when the change is made. No call throws or waits.
/// </remarks>
internal interface ITableObserver
{
    /// <summary>The entry is what its table now holds under its <see cref="FlowStatistics.Sequence"/>: a new one, in place of another, or changed.</summary>
    /// <param name="entry">Its spans are valid during the call. Hardware's counts are as of the last poll.</param>
    void Put(in FlowStatistics entry);

    /// <summary>The table holds the entry no more.</summary>
    /// <param name="tableId"><see cref="FlowFilter.FlowTable"/> or <see cref="FlowFilter.EmergencyTable"/>.</param>
    /// <param name="sequence">As it was put.</param>
    void Remove(byte tableId, ulong sequence);
}
